"""Each protection of callers taken out in turn, and the test that goes red without it: `make protections`."""
