/** Decides what of an answer may be kept and shown. */
export interface Redaction {
  /** Whether what stands under this name (a header, a query parameter, a member of a JSON object) is hidden. */
  isSecret(name: string): boolean;
  /** A text with what looks like a credential or an e-mail address hidden. */
  text(text: string): string;
}

// Names without their separators and in lower case: "api_key", "apiKey" and "X-API-Key" are one.
const secretNames =
  /passw|passphrase|pwd|secret|token|authori[sz]ation|apikey|accesskey|privatekey|credential|cookie|session|csrf|xsrf|signature|otp$|^pin$|cvv|cvc|iban|cardnumber|creditcard|ssn|email|phone|mobile|birth|firstname|lastname|surname|fullname|street|postcode|zipcode|^address/;

// A JSON Web Token, a bearer credential, an e-mail address, a card number.
const secretTexts =
  /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*|\b(?:Bearer|Basic) +[\w.~+/=-]{8,}|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}|\b(?:\d[ -]?){13,16}\d\b/gi;

/** Credentials and personal data, by the names under which they usually stand and by how they look. */
export const defaultRedaction: Redaction = {
  isSecret: (name) => secretNames.test(name.replace(/[^a-zA-Z0-9]/g, '').toLowerCase()),
  text: (text) => text.replace(secretTexts, '[redacted]'),
};

/** A request's target with the values of secret query parameters hidden; the rest stays as the client wrote it. */
export function redactTarget(target: string, redaction: Redaction): string {
  const start = target.indexOf('?');
  if (start < 0) {
    return redaction.text(target);
  }
  const query = target
    .slice(start + 1)
    .split('&')
    .map((parameter) => {
      const equals = parameter.indexOf('=');
      const name = equals < 0 ? parameter : parameter.slice(0, equals);
      return equals >= 0 && redaction.isSecret(decode(name)) ? `${name}=[redacted]` : redaction.text(parameter);
    });
  return `${redaction.text(target.slice(0, start))}?${query.join('&')}`;
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
