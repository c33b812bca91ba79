export interface Unused {
  readonly one: number;
}
export const used = 1;
