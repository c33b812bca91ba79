/** Chooses how many columns keep cards nearest to 4:3 in the space there is, without leaving many cells empty. */
const wishedShape = 4 / 3;
// An empty cell is ugly, but a card of the wrong shape is unreadable: this much waste weighs as much as one e-fold of shape.
const wasteWeight = 1.5;

export function columnsFor(count: number, widthPx: number, heightPx: number): number {
  if (count <= 1 || widthPx <= 0 || heightPx <= 0) return Math.max(1, Math.ceil(Math.sqrt(count)));
  const scores = Array.from({ length: count }, (_, index) => score(count, index + 1, widthPx / heightPx));
  return scores.indexOf(Math.min(...scores)) + 1;
}

function score(count: number, columns: number, areaShape: number): number {
  const rows = Math.ceil(count / columns);
  const cardShape = (areaShape * rows) / columns;
  const waste = (columns * rows - count) / (columns * rows);
  return Math.abs(Math.log(cardShape / wishedShape)) + wasteWeight * waste;
}
