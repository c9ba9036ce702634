import { query } from "@/api/client";
import type { AskSheet, SheetFacts } from "./sheets";

/** A sheet as the browser draws it: decoded before it is handed out, so that a cell of it is on screen at once. */
export const askSheet: AskSheet<HTMLImageElement> = async (camera, at_ms, step_ms, signal) => {
  const address = `/api/cameras/${camera}/sheet.jpg${query({ at_ms, step_ms })}`;
  const answer = await fetch(address, { credentials: "same-origin", signal });
  if (answer.status === 404) return null;
  const told = answer.headers.get("Haechi-Sheet");
  if (!answer.ok || told === null) throw new Error(`no sheet: ${answer.status}`);
  const picture = new Image();
  picture.src = URL.createObjectURL(await answer.blob());
  try {
    await picture.decode();
  } catch (error) {
    dropSheet(picture);
    throw error;
  }
  return { facts: JSON.parse(told) as SheetFacts, picture };
};

export const dropSheet = (picture: HTMLImageElement): void => URL.revokeObjectURL(picture.src);
