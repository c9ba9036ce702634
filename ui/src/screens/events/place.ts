import type { HaechiEvent } from "@/api/types";

/** Where an event was, and how many, how fast or which way, where its rule tells such. */
export const placeOf = ({ zone, detail }: Pick<HaechiEvent, "zone" | "detail">): string =>
  [zone ?? "", detail].filter((part) => part !== "").join(": ") || "–";
