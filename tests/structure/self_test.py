"""The checks themselves: a good little tree passes, and each way to break it is found."""

import shutil
import tempfile
import unittest
from pathlib import Path

import includes
import names

GOOD = {
    "cmake/floors.cmake": "set(PGSABA_FLOORS\n  base:0 wire:1 net:1 config:1\n  auth:2 control:3)\n",
    "src/CMakeLists.txt": """
        pgsaba_folder(base LIBRARIES spdlog::spdlog)
        pgsaba_folder(wire USES base)
        pgsaba_folder(net USES base LIBRARIES PkgConfig::LIBUV)
        pgsaba_folder(config USES base)
        pgsaba_folder(auth USES wire)
        pgsaba_folder(control USES auth net config)
        """,
    "include/pgsaba/base/result.h": "template <class T> class [[nodiscard]] Result {};\n",
    "include/pgsaba/wire/frame.h": '#include "pgsaba/base/result.h"\nstruct Frame {};\n',
    "include/pgsaba/auth/login.h": "enum class Step { kDone };\nvoid transition(Step step);\n",
    "src/base/log.cc": "#include <spdlog/logger.h>\n",
    "src/wire/cut.h": "",
    "src/wire/frame.cc": '#include "pgsaba/wire/frame.h"\n#include "cut.h"\n#include "wire/cut.h"\n',
    "src/net/loop.cc": "#include <openssl/ssl.h>\n#include <uv.h>\n",
    "src/auth/scram.cc": '#include <openssl/hmac.h>\n#include "pgsaba/wire/frame.h"\n',
    "src/control/probe.cc": '#include <libpq-fe.h>\n#include "pgsaba/auth/login.h"\n',
    "src/main.cc": '#include "pgsaba/version.h"\n',
    "src/README.md": """
`base/` and `src/wire/*.cc`, `wire/frame.h`, `src/<folder>/x.cc`, `/metrics`; `Frame` in `auth::Step`,
`Result<T>`, `kDone`, `transition()`, `SELECT`, plain words. `src/main.cc --help`
```
`Drawing`
```
""",
}


class TreeTest(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="pgsaba_structure_"))
        self.addCleanup(shutil.rmtree, self.root)
        for path, text in GOOD.items():
            self.write(path, text)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def append(self, path, text):
        self.write(path, GOOD[path] + text)


class IncludesTest(TreeTest):
    def expect(self, *fragments):
        found = includes.check(self.root)
        self.assertEqual(len(found), len(fragments), found)
        for line, fragment in zip(found, fragments):
            self.assertIn(fragment, line)

    def test_good_tree(self):
        self.expect()

    def test_upward(self):
        self.append("src/wire/frame.cc", '#include "pgsaba/auth/login.h"\n')
        self.expect("src/wire/frame.cc:4: wire (floor 1) may not include auth (floor 2)")

    def test_sideways(self):
        self.append("src/net/loop.cc", '#include "pgsaba/wire/frame.h"\n')
        self.expect("net (floor 1) may not include wire (floor 1)")

    def test_upward_in_a_public_header(self):
        self.append("include/pgsaba/base/result.h", '#  include <pgsaba/wire/frame.h>\n')
        self.expect("include/pgsaba/base/result.h:2: base (floor 0) may not include wire")

    def test_downward_without_an_edge(self):
        self.write("include/pgsaba/net/loop.h", "")
        self.append("src/control/probe.cc", '#include "pgsaba/net/loop.h"\n')
        self.expect()
        self.append("src/auth/scram.cc", '#include "pgsaba/net/loop.h"\n')
        self.expect("auth does not use net in src/CMakeLists.txt")

    def test_unknown_folder(self):
        self.append("src/main.cc", '#include "pgsaba/kitchen/pot.h"\n')
        self.write("src/kitchen/pot.cc", "")
        self.expect("src/kitchen: has no floor", "'kitchen' has no floor")

    def test_public_header_without_a_reader(self):
        self.append("src/control/probe.cc", "")
        self.write("include/pgsaba/wire/cut.h", "")
        self.append("src/wire/frame.cc", '#include "pgsaba/wire/cut.h"\n')
        self.expect("include/pgsaba/wire/cut.h:1: no other folder includes it")

    def test_public_header_needed_by_a_public_one(self):
        self.write("include/pgsaba/wire/cut.h", "")
        self.append("include/pgsaba/wire/frame.h", '#include "pgsaba/wire/cut.h"\n')
        self.expect()

    def test_private_header_of_another_folder(self):
        self.append("src/auth/scram.cc", '#include "../wire/cut.h"\n#include "wire/cut.h"\n')
        self.expect('"../wire/cut.h" is neither', '"wire/cut.h" is neither')

    def test_third_party_headers(self):
        strangers = ["uv.h", "openssl/ssl.h", "openssl/evp.h", "yaml-cpp/yaml.h", "spdlog/spdlog.h",
                     "libpq-fe.h", "prometheus/counter.h", "doctest/doctest.h"]
        self.append("src/wire/frame.cc", "".join(f"#include <{name}>\n" for name in strangers))
        self.expect(*(f"<{name}> belongs to" for name in strangers))

    def test_auth_has_the_crypto_but_not_the_sockets(self):
        self.append("src/auth/scram.cc", "#include <openssl/ssl.h>\n")
        self.expect("<openssl/ssl.h> belongs to net alone")


class NamesTest(TreeTest):
    def expect(self, *fragments):
        found = names.check(self.root)
        self.assertEqual(len(found), len(fragments), found)
        for line, fragment in zip(found, fragments):
            self.assertIn(fragment, line)

    def test_good_tree(self):
        self.expect()

    def test_missing_document(self):
        (self.root / "src/README.md").unlink()
        self.expect("src/README.md does not exist")

    def test_missing_names(self):
        self.write("src/README.md", "`cook/`\n`src/wire/*.rs`, `tests/run --fast`\n`Kettle`\n"
                   "`wire::Fram`, `Maybe<T>`, `kDon`, `transit()`\n")
        self.expect("src/README.md:1: no such path: cook/", ":2: no such path: src/wire/*.rs",
                    ":2: no such path: tests/run", ":3: no such type: Kettle",
                    ":4: no such type: wire::Fram", ":4: no such type: Maybe<T>",
                    ":4: no such constant: kDon", ":4: no such function: transit()")


if __name__ == "__main__":
    unittest.main()
