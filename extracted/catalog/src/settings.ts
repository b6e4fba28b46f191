import { commonSettings, wholeNumber } from '@shop/chassis';

/** What the catalog service is told by its environment. */
export const settings = {
  ...commonSettings,
  /** 0 takes any free port. */
  PORT: wholeNumber(0, 65_535).prefault('4001'),
};
