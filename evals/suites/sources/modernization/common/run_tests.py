"""Runs the tests of an answer: every TestCase in every test_*.py. At least one must run, none may fail, be skipped or be expected to fail."""

import pathlib
import sys
import unittest

suite = unittest.TestSuite()
for path in sorted(pathlib.Path().glob("test_*.py")):
    suite.addTests(unittest.defaultTestLoader.loadTestsFromName(path.stem))
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(suite)
assert result.testsRun > 0, "no test ran"
assert result.wasSuccessful(), f"{len(result.failures)} failures, {len(result.errors)} errors"
assert not result.skipped and not result.expectedFailures, "skipped tests prove nothing"
print("ok")
