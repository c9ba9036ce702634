import { expect, test } from "vitest";
import { CAMERA_PATIENCE, VIEWER_PATIENCE, Watchdog } from "./watchdog";

test("a connection that breaks is given another way after two seconds, and then each five", () => {
  const dog = new Watchdog(VIEWER_PATIENCE, 0);
  expect(dog.at("checking", 500)).toBe("none");
  expect(dog.at("connected", 1_000)).toBe("none");
  const found = [2, 3, 4, 5, 6, 7, 8, 9].map((s) => dog.at("disconnected", s * 1_000));
  expect(found).toEqual(["none", "none", "restart", "none", "none", "none", "none", "restart"]);
});

test("one that failed is not waited for", () => {
  const dog = new Watchdog(VIEWER_PATIENCE, 0);
  dog.at("connected", 100);
  expect(dog.at("failed", 200)).toBe("restart");
  expect(dog.at("failed", 300)).toBe("none");
});

test("what does not come back is begun anew; what comes back starts with fresh patience", () => {
  const dog = new Watchdog(VIEWER_PATIENCE, 0);
  dog.at("connected", 0);
  dog.at("disconnected", 1_000);
  expect(dog.at("connected", 5_000)).toBe("none");
  expect(dog.at("disconnected", 6_000)).toBe("none");
  expect(dog.at("disconnected", 14_001)).toBe("renew");
});

test("one that never connected is given fifteen seconds", () => {
  const dog = new Watchdog(VIEWER_PATIENCE, 0);
  expect(dog.at("checking", 14_000)).toBe("none");
  expect(dog.everConnected).toBe(false);
  expect(dog.at("checking", 15_000)).toBe("renew");
});

test("the camera waits longer than the viewer, and never gives up: the server says who is gone", () => {
  const dog = new Watchdog(CAMERA_PATIENCE, 0);
  dog.at("completed", 0);
  expect(dog.at("disconnected", 100)).toBe("none");
  expect(dog.at("disconnected", 2_500)).toBe("none");
  expect(dog.at("disconnected", 3_200)).toBe("restart");
  expect(dog.at("disconnected", 86_400_000)).toBe("restart");
});
