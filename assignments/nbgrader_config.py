"""Settings of the course; nbgrader reads them when its commands run in this folder."""

c = get_config()  # noqa: F821 - nbgrader provides it

c.CourseDirectory.course_id = "transfer-learning"
c.Execute.timeout = 120  # seconds for one cell; nbgrader's own 30 are short on a busy machine
# For zip_collect: files that a learning platform gives are named <student>_<assignment>.ipynb.
c.FileNameCollectorPlugin.named_regexp = r".*[/\\](?P<student_id>[^/\\_]+)_(?P<file_id>[^/\\]+)"
