import { codes } from '../codes.ts';

/** `rvw.rvw_st`. */
export const REVIEW_STATUS = codes('rvw_st', { published: 'P', hidden: 'H' });
