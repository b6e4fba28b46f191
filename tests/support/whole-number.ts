/** A whole number that a command was given, from `least` to a billion. @throws Error that names the option */
export function wholeNumber(name: string, value: string, least: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > 1_000_000_000) {
    throw new Error(`--${name} has to be a whole number from ${least} to 1000000000, not "${value}"`);
  }
  return number;
}
