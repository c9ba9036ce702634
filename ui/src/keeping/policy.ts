import type { CameraPolicy } from "@/api/keeping";

/** A policy as the form holds it: an empty field is "as the default" for a camera, "no limit" for the size. */

export const DAYS = ["continuous_days", "motion_days", "event_days"] as const;
export type DaysField = (typeof DAYS)[number];
export const MOST_DAYS = 3_650;
const GB = 1_000_000_000;

export interface PolicyForm extends Record<DaysField, number | ""> {
  max_gb: number | "";
  purpose: string;
  audio: boolean | null;
  enabled?: boolean | null;
}

export function formOf(policy: CameraPolicy): PolicyForm {
  return {
    continuous_days: policy.continuous_days ?? "",
    motion_days: policy.motion_days ?? "",
    event_days: policy.event_days ?? "",
    max_gb: policy.max_bytes === null ? "" : policy.max_bytes / GB,
    purpose: policy.purpose,
    audio: policy.audio,
    ...(policy.enabled === undefined ? {} : { enabled: policy.enabled }),
  };
}

const days = (value: number | ""): number | null => (value === "" ? null : value);

export function policyOf(form: PolicyForm): CameraPolicy {
  return {
    continuous_days: days(form.continuous_days),
    motion_days: days(form.motion_days),
    event_days: days(form.event_days),
    max_bytes: form.max_gb === "" ? null : Math.round(form.max_gb * GB),
    purpose: form.purpose.trim(),
    audio: form.audio,
    ...(form.enabled === undefined ? {} : { enabled: form.enabled }),
  };
}

/** Fields that cannot be saved; of the default every number of days must be given. */
export function badFields(form: PolicyForm, isDefault: boolean): (DaysField | "max_gb")[] {
  const bad: (DaysField | "max_gb")[] = DAYS.filter((name) => {
    const value = form[name];
    return value === "" ? isDefault : value < 0 || value > MOST_DAYS;
  });
  if (form.max_gb !== "" && form.max_gb <= 0) bad.push("max_gb");
  return bad;
}

/** `30 / 30 / 90`, or `30` where all are the same. */
export function daysText(policy: Record<DaysField, number>): string {
  const values = DAYS.map((name) => policy[name]);
  return new Set(values).size === 1 ? String(values[0]) : values.join(" / ");
}

/** Whether a camera says anything of its own about how long its footage is kept. */
export const isOwn = (policy: CameraPolicy): boolean =>
  DAYS.some((name) => policy[name] !== null) || policy.max_bytes !== null;
