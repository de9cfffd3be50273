# How a script speaks: everything on standard error, since standard output belongs to the work itself.
# Sourced. The caller names itself with `begin`; the closing line is printed however the script ends.

begin() {
  report_name=$1 report_step="start" report_cleanup=()
  SECONDS=0
  trap finish EXIT
  # A signal ends the script through the same closing line and clean-up.
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

say() { printf '%s: %s\n' "$report_name" "$*" >&2; }

fail() {
  say "$*"
  exit 1
}

step() {
  report_step=$*
  printf '\n==> [%s] %s\n' "$(elapsed)" "$*" >&2
}

elapsed() { printf '%dm %02ds' $((SECONDS / 60)) $((SECONDS % 60)); }

# Runs a function when the script ends, the last one named first.
at_end() { report_cleanup=("$1" "${report_cleanup[@]}"); }

finish() {
  local status=$? cleanup
  trap - EXIT
  trap '' INT TERM HUP
  for cleanup in "${report_cleanup[@]}"; do "$cleanup" || true; done
  if [ "$status" = 0 ]; then
    say "${report_success:-done} in $(elapsed)"
  else
    say "FAILED at step \"$report_step\" after $(elapsed) (exit status $status)"
  fi
  exit "$status"
}
