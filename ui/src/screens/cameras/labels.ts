/** What the detector knows and cameras often see; any other class that is stored is offered beside these. */
export const LABELS = [
  "person",
  "car",
  "truck",
  "bus",
  "bicycle",
  "motorcycle",
  "dog",
  "cat",
  "backpack",
  "suitcase",
  "handbag",
  "bottle",
];
