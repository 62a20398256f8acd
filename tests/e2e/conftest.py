from harness.fixtures import (cluster, directory, pgsaba, pgsaba_binary,  # noqa: F401
                              start_pgsaba)
