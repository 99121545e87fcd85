"""Settings of the course; nbgrader reads them when its commands run in this folder."""

import re
from datetime import datetime, timedelta
from pathlib import Path

from nbgrader.plugins.zipcollect import FileNameCollectorPlugin

c = get_config()  # noqa: F821 - nbgrader provides it

KNOWN = sorted(path.name for path in (Path(__file__).parent / "source").iterdir() if path.is_dir())


class Collector(FileNameCollectorPlugin):
    """Finds student and assignment in the names that learning platforms and browsers give to files.

    The student is what stands before the name of an assignment. What platforms put between the two,
    as in `Li Wei_88_assignsubmission_file_03_instance_based.ipynb`, and what browsers put behind,
    as in `li_wei_03_instance_based (1).ipynb`, is dropped.
    Of several files of one student the latest counts.
    """

    named_regexp = (
        r"(?i).*[/\\](?P<student_id>[^/\\]+?)(?:_\d+_assignsubmission_file(?:_[^/\\]*?)?)?_+"
        rf"(?P<file_id>{'|'.join(map(re.escape, KNOWN))})[^/\\]*$"
    )

    def _match(self, filename):
        found = super()._match(filename)
        if not found:
            return None
        handed_in = datetime.fromtimestamp(Path(filename).stat().st_mtime).astimezone()
        copy = re.search(r"\((\d+)\)\.ipynb$", filename)
        # Files of one archive may have one and the same time.
        handed_in += timedelta(seconds=int(copy[1]) if copy else 0)
        return found | {"file_id": found["file_id"].lower(), "timestamp": handed_in.isoformat(" ")}


c.CourseDirectory.course_id = "transfer-learning"
c.Execute.timeout = 120  # seconds for one cell; nbgrader's own 30 are short on a busy machine
c.ZipCollectApp.collector_plugin = Collector  # for zip_collect
