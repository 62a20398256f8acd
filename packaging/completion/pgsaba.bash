# bash completion for pgsaba(1)

_pgsaba() {
  local current=$2 previous=$3 command=
  ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}
  COMPREPLY=()
  case $previous in
    -c | --config) _pgsaba_files yaml "$current"; return ;;
    -p | --port | -U | --username | -s | --seconds | -n | --number) return ;;
    -h | --host) [[ $command == top ]] && return ;;
    --from) _pgsaba_words "$current" pgbouncer database.yml pgpool; return ;;
    -e | --environment) _pgsaba_words "$current" production development test; return ;;
    -o | --output) _pgsaba_files yaml "$current"; return ;;
  esac
  case $command in
    '') _pgsaba_words "$current" serve check top import demo help -c --config --version --help ;;
    serve) _pgsaba_words "$current" -c --config ;;
    top) _pgsaba_words "$current" --config --host --port --username --seconds --number --batch --help ;;
    check) _pgsaba_files yaml "$current" ;;
    import)
      if [[ $current == -* ]]; then
        _pgsaba_words "$current" --from --environment --output --help
      else
        _pgsaba_files 'ini|yml|yaml|conf' "$current"
      fi
      ;;
    demo) _pgsaba_words "$current" --check --port --help ;;
  esac
}

_pgsaba_words() {
  local current=$1
  shift
  mapfile -t COMPREPLY < <(compgen -W "$*" -- "$current")
}

# Directories, and files that end with one of the suffixes after the first word.
_pgsaba_files() {
  local suffixes=$1 current=$2
  compopt -o filenames 2>/dev/null
  mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(
    shopt -s extglob
    compgen -d -- "$current"
    compgen -f -X "!*.@($suffixes)" -- "$current"
  )
}

complete -F _pgsaba pgsaba
