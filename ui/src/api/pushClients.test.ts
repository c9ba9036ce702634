import { expect, test } from "vitest";
import { pushCommand, tokenFileCommand } from "./pushClients";

test("the token and the fingerprint are the two lines of a file for its owner's eyes", () => {
  expect(tokenFileCommand("psh_a", "hpt_x-Y_1", "ab12")).toBe(
    "(umask 077; printf '%s\\n' hpt_x-Y_1 ab12 > psh_a.token)",
  );
});

test("a source with blanks and an address of version 6 reach the program as they are", () => {
  expect(pushCommand("psh_a", "fe80::1", 8342, "my film's end.mp4")).toBe(
    "haechi client 'my film'\\''s end.mp4' --server '[fe80::1]:8342' --token-file psh_a.token",
  );
});
