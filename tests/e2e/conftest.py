from harness.fixtures import (before_fake, cluster, directory, pgsaba,  # noqa: F401
                              pgsaba_binary, start_pgsaba)
