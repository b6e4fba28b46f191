import { codes } from '../codes.ts';

/** `ord_hdr.ord_st`. */
export const ORDER_STATUS = codes('ord_st', {
  placed: 10,
  paid: 20,
  shipped: 30,
  delivered: 40,
  cancelled: 90,
  payment_failed: 95,
});

/** `pay.pay_st`. */
export const PAYMENT_STATUS = codes('pay_st', { authorised: 'A', captured: 'C', failed: 'F', refunded: 'R' });
