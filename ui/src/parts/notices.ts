import { notifications } from "@mantine/notifications";
import i18next from "i18next";
import { ApiError } from "@/api/client";
import { faultAdvice, faultText } from "./names";

export function tellDone(message: string): void {
  notifications.show({
    message,
    color: "teal",
    autoClose: 4_000,
    closeButtonProps: { "aria-label": i18next.t("app.close") },
  });
}

export function tellFailure(error: unknown): void {
  const api = error instanceof ApiError ? error : null;
  const title = api === null ? String(error) : faultText(api.code, api.message);
  const advice = api === null ? "" : faultAdvice(api.code);
  const id = api?.errorId == null ? "" : ` (${api.errorId})`;
  notifications.show({
    title,
    message: `${advice}${id}`.trim(),
    color: "red",
    autoClose: 8_000,
    closeButtonProps: { "aria-label": i18next.t("app.close") },
  });
}
