export enum Verdict {
  Pass,
}
