export const MIN_PASSWORD = 10;

/** 0 to 100, from length and variety; a hint, not a rule. */
export function passwordStrength(password: string): number {
  if (password === "") return 0;
  const variety = new Set(password).size;
  return Math.min(100, Math.round(Math.min(password.length, 20) * 3 + Math.min(variety, 14) * 3));
}
