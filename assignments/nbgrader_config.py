"""Settings of the course; nbgrader reads them when its commands run in this folder."""

import re
from pathlib import Path

from nbgrader.plugins.zipcollect import FileNameCollectorPlugin

c = get_config()  # noqa: F821 - nbgrader provides it

KNOWN = sorted(path.name for path in (Path(__file__).parent / "source").iterdir() if path.is_dir())


class Collector(FileNameCollectorPlugin):
    """Finds student and assignment in the names that learning platforms and browsers give to files.

    The student is what stands before the name of an assignment. What platforms put between the two,
    as in `Li Wei_88_assignsubmission_file_03_instance_based.ipynb`, and what browsers put behind,
    as in `li_wei_03_instance_based (1).ipynb`, is dropped.
    """

    named_regexp = (
        r"(?i).*[/\\](?P<student_id>[^/\\]+?)(?:_\d+_assignsubmission_file)?_+"
        rf"(?P<file_id>{'|'.join(map(re.escape, KNOWN))})[^/\\]*$"
    )

    def _match(self, filename):
        found = super()._match(filename)
        return found and found | {"file_id": found["file_id"].lower()}


c.CourseDirectory.course_id = "transfer-learning"
c.Execute.timeout = 120  # seconds for one cell; nbgrader's own 30 are short on a busy machine
c.ZipCollectApp.collector_plugin = Collector  # for zip_collect
