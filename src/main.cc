#include "pgsaba/control/command_line.h"
#include "pgsaba/version.h"

int main(int count, char** arguments) {
  return pgsaba::control::run_command_line(count, arguments, PGSABA_VERSION);
}
