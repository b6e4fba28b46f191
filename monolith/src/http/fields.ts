import { z } from 'zod';
import { invalid } from './refusal.ts';

/** Text of a form or a JSON body, trimmed, without U+0000. */
export function textField(least: number, most: number): z.ZodType<string> {
  const message = least === 0 ? `must be up to ${most} characters` : `must be ${least} to ${most} characters`;
  return z
    .string({ error: message })
    .trim()
    .min(least, message)
    .max(most, message)
    .refine((text) => !text.includes('\0'), message);
}

/** A whole number; forms send it as text. */
export function wholeNumberField(least: number, most: number): z.ZodType<number> {
  const message = `must be a whole number from ${least} to ${most}`;
  return z
    .union([z.number(), z.string().regex(/^\d{1,9}$/)], { error: message })
    .transform(Number)
    .refine((value) => Number.isInteger(value) && value >= least && value <= most, message);
}

/** One of some words. */
export function choiceField<const Choices extends readonly [string, ...string[]]>(
  choices: Choices,
): z.ZodType<Choices[number]> {
  const words = choices.length === 1 ? choices[0] : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
  return z.enum(choices, { error: `must be ${words}` }) as z.ZodType<Choices[number]>;
}

/** Reads the fields of a body. @throws Refusal INVALID with the first fault of each field */
export function readFields<Fields>(schema: z.ZodType<Fields>, body: unknown): Fields {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const faults: Record<string, string> = {};
  for (const issue of result.error.issues) faults[issue.path.join('.')] ??= issue.message;
  throw invalid(faults);
}
