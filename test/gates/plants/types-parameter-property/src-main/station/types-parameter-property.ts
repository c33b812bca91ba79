export class Slot {
  constructor(readonly number: number) {}
}
