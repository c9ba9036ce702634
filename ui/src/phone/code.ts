/** A pairing code as people type it: `abcd efgh`, in full-width letters, with any dash. */

export const CODE_LENGTH = 8;

/** Letters and digits only, upper case, at most as many as a code has. */
export function plainCode(typed: string): string {
  return typed
    .normalize("NFKC")
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "")
    .slice(0, CODE_LENGTH);
}

/** As it stands on the screen that shows it: `ABCD-EFGH`. */
export function shownCode(typed: string): string {
  const plain = plainCode(typed);
  return plain.length > 4 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : plain;
}

export const isWhole = (typed: string): boolean => plainCode(typed).length === CODE_LENGTH;

/** The code of a QR link, and the address without it: it must stay in no history and no screenshot. */
export function codeFrom(href: string): { code: string | null; rest: string } {
  const url = new URL(href);
  const code = url.searchParams.get("code") ?? new URLSearchParams(url.hash.slice(1)).get("code");
  url.searchParams.delete("code");
  url.hash = "";
  return { code: code !== null && isWhole(code) ? shownCode(code) : null, rest: url.pathname + url.search };
}
