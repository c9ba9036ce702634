import { expect, test } from "vitest";
import { dialCommand, quoted, tokenCommand } from "./dialling";

test("what a shell would read otherwise is quoted", () => {
  expect(quoted("rtsp://10.0.0.5/stream1")).toBe("rtsp://10.0.0.5/stream1");
  expect(quoted("rtsp://u:p@h/a?b=1&c=2")).toBe("'rtsp://u:p@h/a?b=1&c=2'");
  expect(quoted("it's $(here)")).toBe("'it'\\''s $(here)'");
});

test("the commands hold all that the camera needs, and the token only in the first", () => {
  const plan = { camera: "cam_a", host: "cams.example.org", port: 8341, pin: "ab", source: "scene:yard" };
  expect(dialCommand(plan)).toBe(
    "haechi camera dial --server cams.example.org:8341 --camera cam_a --token-file cam_a.token --pin ab --source scene:yard",
  );
  expect(dialCommand({ ...plan, host: "2001:db8::5" })).toContain("'[2001:db8::5]:8341'");
  expect(tokenCommand("cam_a", "hrt_x-_1")).toBe("(umask 077; echo hrt_x-_1 > cam_a.token)");
});
