"""node-postgres. Its own tests are not on npm; those of older versions of what belongs to it are, and
run with the present versions."""

import json
import os

from suite import Suite, check, record

# The last version whose package has tests, and the one that is tested.
PARTS = {"pg-cursor": ("2.0.0", "2.22.1"), "pg-query-stream": ("3.0.0", "4.17.0"),
         "pg-pool": ("2.0.0", "3.14.0")}
PG = "pg@8.23.1"
HELPERS = ("mocha@10", "expect.js@0.3.1", "lodash@4", "co@4.6.0", "bluebird@3", "JSONStream@0.7.4",
           "concat-stream@1.0.1", "through@2.3.8")
# Need a module that is not on npm.
LEFT_OUT = ("pauses.js", "stream-tester.js", "stream-tester-timestamp.js")


class NodePostgres(Suite):
    name = "node-postgres"

    def make(self):
        (self.cache / "package.json").write_text('{"private": true}\n')
        tested = [f"{part}@{version}" for part, (_, version) in PARTS.items()]
        check(["npm", "install", "--silent", "--no-save", PG, *tested, *HELPERS], cwd=self.cache)
        for part, (version, _) in PARTS.items():
            archive = check(["npm", "pack", "--silent", f"{part}@{version}"], cwd=self.cache).split()[-1]
            (self.cache / part).mkdir(exist_ok=True)
            check(["tar", "xzf", self.cache / archive, "-C", self.cache / part,
                   "--strip-components=1", "package/test"])
            for name in LEFT_OUT:
                (self.cache / part / "test" / name).unlink(missing_ok=True)
            (self.cache / part / "index.js").write_text(f"module.exports = require('{part}')\n")

    def run(self, target, directory):
        found = {}
        for part in PARTS:
            report = directory / f"{part}.json"
            record(["node_modules/.bin/mocha", "--exit", "--timeout=20000", "--reporter=json",
                    f"--reporter-options=output={report}", *self.options, f"{part}/test/*.js"],
                   directory / "log", cwd=self.cache, env={**os.environ, **target.environment()})
            if report.exists():
                found.update(outcomes(part, json.loads(report.read_text())))
        return found


def outcomes(part, report):
    """What mocha says of each test; the worst, where several have the same name."""
    return {f"{part}: {test['fullTitle']}": word
            for key, word in (("passes", "passed"), ("pending", "skipped"), ("failures", "failed"))
            for test in report[key]}
