import { QUALITIES } from "../messages";
import { kept } from "./paired";

/** What was chosen on this phone, and holds until it is chosen otherwise. */
export interface Choices {
  /** Lines of the picture that the camera is asked for. */
  height: number;
  /** From how many dB (of the loudest that there can be) on it is loud; null: nobody listens for that. */
  loudDb: number | null;
  /** A shutter that was closed stays closed, over a reload as well. */
  shutter: boolean;
}

/** From "only a bang" to "a purring cat". */
export const LOUD_DB = [-20, -32, -44] as const;
export const HEIGHTS = QUALITIES.filter((height) => height >= 480);

const KEY = "haechi.phone.choices";

export function readChoices(text: string | null): Choices {
  const plain: Choices = { height: 720, loudDb: null, shutter: false };
  try {
    const { height, loudDb, shutter } = JSON.parse(text ?? "{}") as Record<string, unknown>;
    return {
      height: HEIGHTS.find((one) => one === height) ?? plain.height,
      loudDb: LOUD_DB.find((one) => one === loudDb) ?? plain.loudDb,
      shutter: shutter === true,
    };
  } catch {
    return plain;
  }
}

export const chosen = (): Choices => kept((storage) => readChoices(storage.getItem(KEY)), readChoices(null));
export const choose = (choices: Choices): void =>
  kept((storage) => storage.setItem(KEY, JSON.stringify(choices)), undefined);
