import { Alert, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, rememberSession, request } from "@/api/client";
import { queryClient, sessionQuery } from "@/api/queries";
import type { Session } from "@/api/types";
import { faultAdvice, faultText } from "@/parts/names";
import { Entry } from "./Entry";

export function Login() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { next } = useSearch({ from: "/login" });
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const login = useMutation({
    mutationFn: () => request<Session>("POST", "/api/session", { name, password }),
    onSuccess: async (session) => {
      rememberSession(session);
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, session);
      await navigate({ href: next ?? "/live", replace: true });
    },
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    login.mutate();
  };
  const error = login.error instanceof ApiError ? login.error : null;
  return (
    <Entry title={t("entry.login")} hint={t("entry.loginHint")}>
      <form onSubmit={submit}>
        <Stack gap="sm">
          {error !== null && (
            <Alert color="red" role="alert" title={faultText(error.code, error.message)}>
              {faultAdvice(error.code)}
            </Alert>
          )}
          <TextInput
            label={t("entry.name")}
            name="username"
            autoComplete="username"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            required
            autoFocus
            size="md"
          />
          <PasswordInput
            label={t("entry.password")}
            name="password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            required
            size="md"
            visibilityToggleButtonProps={{ "aria-label": t("entry.showPassword") }}
          />
          <Button type="submit" size="md" mt="xs" loading={login.isPending} fullWidth>
            {t("entry.loginButton")}
          </Button>
        </Stack>
      </form>
    </Entry>
  );
}
