import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { sessionQuery } from "@/api/queries";
import { tellDone, tellFailure } from "@/parts/notices";
import { MIN_PASSWORD } from "../entry/strength";

export function Account() {
  const { t } = useTranslation();
  const user = useQuery(sessionQuery).data?.user;
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const short = next.length > 0 && next.length < MIN_PASSWORD;
  const save = useMutation({
    mutationFn: () => request("PUT", "/api/session/password", { current, new: next }),
    onSuccess: () => {
      setCurrent("");
      setNext("");
      tellDone(t("settings.passwordChanged"));
    },
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };
  const toggle = { "aria-label": t("entry.showPassword") };
  return (
    <form className="hc-form hc-panel" onSubmit={submit}>
      <h2>{user?.name}</h2>
      <input type="text" name="username" autoComplete="username" value={user?.name ?? ""} readOnly hidden />
      <Stack gap="sm">
        <PasswordInput
          label={t("settings.currentPassword")}
          autoComplete="current-password"
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
          required
          visibilityToggleButtonProps={toggle}
        />
        <PasswordInput
          label={t("entry.newPassword")}
          description={t("entry.passwordRule", { count: MIN_PASSWORD })}
          autoComplete="new-password"
          value={next}
          onChange={(event) => setNext(event.currentTarget.value)}
          error={short ? t("entry.passwordShort", { count: MIN_PASSWORD }) : null}
          required
          visibilityToggleButtonProps={toggle}
        />
        <Group justify="end">
          <Button
            type="submit"
            loading={save.isPending}
            disabled={current === "" || next.length < MIN_PASSWORD}
          >
            {t("user.password")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
