"""lines - unittest with one line for each case, as tools/test_summary counts them.
SPDX-License-Identifier: MIT"""

import sys
import unittest


class Lines(unittest.TextTestResult):
    def tell(self, word, test, more=""):
        print(f"{word}: {getattr(test, '_testMethodName', test)}{more}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.tell("PASS", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tell("FAIL", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.tell("FAIL", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell("SKIP", test, f" - {reason}")


def main():
    unittest.main("__main__", testRunner=unittest.TextTestRunner(sys.stderr, resultclass=Lines))
