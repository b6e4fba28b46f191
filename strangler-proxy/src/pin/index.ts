export { carriesPins, PIN_COOKIE, PIN_HEADER } from './carried-pins.ts';
export { keptPinKey, PIN_KEY_LENGTH_MIN } from './pin-key.ts';
export { createPins, type PinnedRead, type PinQuestion, type Pins, type PinsOptions } from './pins.ts';
