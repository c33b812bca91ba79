export enum Verdict {
  Pass,
  Fail,
}
