/** The command was called with words that it does not understand. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const HELP = `Moves the routes of a capability between the monolith and its service, by flags in Unleash.

Examples
  strangler status                            every route with its stage
  strangler stage catalog.product shadow      compare the service's answers, show nobody
  strangler stage catalog.product canary 5%   5 % of the visitors get the service's answers
  strangler stage catalog.product live        all of them do
  strangler stage catalog.product off         back to the monolith, at once
  strangler create --dry-run                  which declared flags are not in Unleash yet

Verbs
  create                              make the flags that the declarations ask for, all off;
                                      what is in Unleash already is left as it is
  status [--watch]                    read stages and shares from Unleash; --watch draws them again each second
  stage <capability>.<route> <stage>  set the flags of a read route; stages: off, shadow [N%], canary N%, live

Options
  --unleash URL      of the Unleash server        or UNLEASH_ADMIN_URL (or UNLEASH_URL)
  --token T          an admin token of it         or UNLEASH_ADMIN_TOKEN
  --migrations DIR   folder of the declarations   or STRANGLER_MIGRATIONS
                     Without them, the system that "npm start" runs: $STRANGLER_STATE (.strangler)/stack.json
  --dry-run          with create, stage: print what would be done, do nothing
  --json             one JSON object on standard output
  --help, --version

Exit status: 0 done, 1 error, 2 found wanting (status: declared flags are missing). NO_COLOR is respected.`;
