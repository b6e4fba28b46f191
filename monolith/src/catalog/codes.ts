import { codes } from '../codes.ts';

/** `prod.prod_st`. */
export const PRODUCT_STATUS = codes('prod_st', { active: 1, hidden: 2, deleted: 9 });

/** `prod.tax_cd`. */
export const TAX_CLASS = codes('tax_cd', { standard: 1, reduced: 2, none: 3 });
