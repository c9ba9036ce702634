import { Alert, Button, PasswordInput, Progress, Stack, TextInput } from "@mantine/core";
import { IconLink } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError, rememberSession, request } from "@/api/client";
import { queryClient, sessionQuery, setupQuery } from "@/api/queries";
import type { Session } from "@/api/types";
import { setupToken } from "@/app/search";
import { LinkButton } from "@/parts/links";
import { faultAdvice, faultText } from "@/parts/names";
import { Entry } from "./Entry";
import { MIN_PASSWORD, passwordStrength } from "./strength";

export function Setup() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const token = setupToken(useLocation({ select: (location) => location.hash }));
  const setup = useQuery(setupQuery);
  const [name, setName] = useState("admin");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const create = useMutation({
    mutationFn: () => request<Session>("POST", "/api/setup", { token, name, password }),
    onSuccess: async (session) => {
      rememberSession(session);
      queryClient.clear();
      queryClient.setQueryData(sessionQuery.queryKey, session);
      await navigate({ to: "/live", search: {}, replace: true });
    },
  });
  const short = password.length > 0 && password.length < MIN_PASSWORD;
  const differs = again.length > 0 && again !== password;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (password.length >= MIN_PASSWORD && again === password) create.mutate();
  };

  if (setup.data?.needed === false) {
    return (
      <Entry title={t("entry.setupDone")} hint={t("entry.setupDoneHint")}>
        <LinkButton to="/login" size="md" fullWidth>
          {t("entry.loginButton")}
        </LinkButton>
      </Entry>
    );
  }
  if (token === undefined) {
    return (
      <Entry title={t("entry.setup")} hint={t("entry.noToken")}>
        <Alert icon={<IconLink size={18} />} color="blue" title={t("entry.whereLink")} />
      </Entry>
    );
  }
  const error = create.error instanceof ApiError ? create.error : null;
  const strength = passwordStrength(password);
  return (
    <Entry title={t("entry.setup")} hint={t("entry.setupHint")}>
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
            size="md"
          />
          <div>
            <PasswordInput
              label={t("entry.newPassword")}
              description={t("entry.passwordRule", { count: MIN_PASSWORD })}
              name="new-password"
              autoComplete="new-password"
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
              error={short ? t("entry.passwordShort", { count: MIN_PASSWORD }) : null}
              required
              autoFocus
              size="md"
              visibilityToggleButtonProps={{ "aria-label": t("entry.showPassword") }}
            />
            <Progress
              mt={6}
              size={3}
              value={strength}
              color={strength < 40 ? "red" : strength < 75 ? "yellow" : "teal"}
              aria-label={t("entry.strength")}
            />
          </div>
          <PasswordInput
            label={t("entry.repeat")}
            name="repeat-password"
            autoComplete="new-password"
            value={again}
            onChange={(event) => setAgain(event.currentTarget.value)}
            error={differs ? t("entry.differs") : null}
            required
            size="md"
            visibilityToggleButtonProps={{ "aria-label": t("entry.showPassword") }}
          />
          <Button
            type="submit"
            size="md"
            mt="xs"
            loading={create.isPending}
            disabled={short || differs}
            fullWidth
          >
            {t("entry.setupButton")}
          </Button>
        </Stack>
      </form>
    </Entry>
  );
}
