/** The command was called with words that it does not understand. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const HELP = `Moves a capability between the monolith and its service: its routes by flags in Unleash, its writes by a cut-over.

Examples
  strangler status --watch                    what one leaves open on a second screen
  strangler stage catalog.product shadow      compare the service's answers, show nobody
  strangler stage catalog.product canary 5%   5 % of the visitors get the service's answers
  strangler stage catalog.product live        all of them do
  strangler stage catalog.product off         back to the monolith, at once
  strangler cutover catalog --dry-run         what stands in the way; each lock, wait and flip
  strangler cutover catalog                   the service owns the writes
  strangler rollback catalog                  the monolith owns them again, with everything written since
  strangler create --dry-run                  which declared flags and guards are not there yet

Verbs
  create                              make the flags that the declarations ask for, all off, and install the guard in both
                                      databases, where it observes; what is there already is left as it is
  status [--watch]                    stages and shares, owners, streams, proxies; --watch draws them again each second
  stage <capability>.<route> <stage>  set the flags of a read route; stages: off, shadow [N%], canary N%, live
  verify <capability>                 have change data capture compare every row of both databases
  doctor                              what would stand in the way of the next change of owner
  cutover <capability>                move the writes to the service; refused with every reason and what mends it
  rollback <capability>               move them back to the monolith; the same the other way
  cancel <capability>                 end a change of owner that is under way; else, take the guard out of both databases
  retire <capability>                 show the evidence; with --yes, end the streams. The only step that nothing undoes
  forget <proxy>                      wait no more for a proxy that will not come back
  guard <capability> <monolith | service> [install | remove]
                                      print the guard's SQL, to be read, or run by an administrator; changes nothing
  log [<capability>]                  who did what, when and why; proves that nobody has changed it
  record, replay                      keep traffic of a running proxy, and ask a service the same; each has its --help
  compare accept <capability>.<route> "<rule>"
                                      write a comparison rule into the declaration, for you to review and commit
  control                             the control plane itself; "strangler control" reads its environment (see the reference)

Options
  --unleash URL      of the Unleash server        or UNLEASH_ADMIN_URL (or UNLEASH_URL)
  --token T          an admin token of it         or UNLEASH_ADMIN_TOKEN
  --migrations DIR   folder of the declarations   or STRANGLER_MIGRATIONS
  --control URLS     of the control plane         or STRANGLER_CONTROL_URL; its token: STRANGLER_CONTROL_TOKEN
                     Without them, the system that "npm start" runs: $STRANGLER_STATE (.strangler)/stack.json
  --dry-run          print what would be done, with each lock, wait and flip; do nothing
  --force CHECK      with cutover, rollback: writers, proxies, parity, verification or mapping; repeat it
  --reason TEXT      why; with --force it has to be given. It is logged with your name
  --yes              with retire: do it
  --limit N          with log: that many entries (20)
  --json             one JSON object on standard output
  --help, --version

Exit status: 0 done, 1 error, or undone; 2 found wanting, or refused. NO_COLOR is respected.`;
