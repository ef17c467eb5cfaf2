#!/usr/bin/env bash
# with-sanitizer.sh asan|tsan command...: runs the command so that Node can load the addon that build-cmake/asan or build-cmake/tsan holds, and
# fails where there is a report of the sanitizer, whatever became of the process that caused it.
# The sanitizer's runtime has to be in the process before anything else, and node itself was not built with it: hence LD_PRELOAD.
set -euo pipefail

sanitizer=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
build="$root/build-cmake/$sanitizer"
runtime() { g++ -print-file-name="lib$1.so"; }

rm -f "$build"/report.*
export ROWTAP_ADDON="$build/rowtap.node"
export ROWTAP_SANITIZER="$sanitizer"
log="log_path=$build/report"
case $sanitizer in
  asan)
    # Leaks are not looked for: node frees little of its own at exit.
    export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1:strict_string_checks=1:detect_stack_use_after_return=1:$log"
    export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:$log"
    # libstdc++ too: the runtime stands in front of its functions for throwing, and has to find them.
    preload="$(runtime asan):$(runtime ubsan):$(runtime stdc++)"
    ;;
  tsan)
    # What happens inside of node, which is not instrumented, is none of our business.
    export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:ignore_noninstrumented_modules=1:suppressions=$root/scripts/tsan.supp:$log"
    preload="$(runtime tsan)"
    ;;
  *)
    echo "with-sanitizer.sh: asan or tsan, not '$sanitizer'" >&2
    exit 2
    ;;
esac

# ThreadSanitizer wants its addresses where newer kernels' randomization may put something else.
status=0
setarch "$(uname -m)" --addr-no-randomize env LD_PRELOAD="$preload" "$@" || status=$?

if compgen -G "$build/report.*" >/dev/null; then
  cat "$build"/report.* >&2
  echo "with-sanitizer.sh: $sanitizer has reported the above" >&2
  status=1
fi
exit "$status"
