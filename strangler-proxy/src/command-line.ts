/** A whole number from 1 up that was given on the command line. @throws Error that names the option */
export function wholeNumber(name: string, text: string | undefined, preset: number): number {
  const value = text === undefined ? preset : Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} ${text}: has to be a whole number from 1 up`);
  return value;
}
