/** The words in use. A second language is a second table of the same type, chosen here. */
import { en } from './en.ts';

type Widened<T> = T extends string
  ? string
  : T extends (...values: infer Values) => string
    ? (...values: Values) => string
    : { readonly [Key in keyof T]: Widened<T[Key]> };

export type Words = Widened<typeof en>;
export const words: Words = en;
