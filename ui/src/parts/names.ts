import { textOr } from "@/i18n";

/** Words for what the server names by a code: ours where we have one, else what came. */

export const labelName = (label: string): string => textOr(`labels.${label}`, label);
export const causeName = (cause: string): string => textOr(`causes.${cause}`, cause.replaceAll("-", " "));
export const faultText = (code: string, message: string): string => textOr(`errors.${code}`, message || code);
export const faultAdvice = (code: string): string => textOr(`advice.${code}`, "");
export const hopName = (hop: string): string => textOr(`hops.${hop}`, hop);
export const stageName = (stage: string): string => textOr(`stages.${stage}`, stage);
