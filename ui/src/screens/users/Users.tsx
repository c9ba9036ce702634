import {
  ActionIcon,
  Badge,
  Button,
  Checkbox,
  Group,
  Modal,
  PasswordInput,
  Stack,
  TextInput,
} from "@mantine/core";
import { IconPlus, IconTrash, IconUsers } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { camerasQuery, queryClient, sessionQuery, usersQuery } from "@/api/queries";
import type { User } from "@/api/types";
import { Ask } from "@/parts/Ask";
import { tellDone, tellFailure } from "@/parts/notices";
import { Page } from "@/parts/Page";
import { type Column, RowTable } from "@/parts/RowTable";
import { Empty, Failure, Loading } from "@/parts/states";
import { MIN_PASSWORD } from "../entry/strength";
import "./users.css";

export function Users() {
  const { t } = useTranslation();
  const me = useQuery(sessionQuery).data?.user;
  const users = useQuery({ ...usersQuery, enabled: me?.role === "admin" });
  const cameras = useQuery(camerasQuery).data ?? [];
  const [adding, setAdding] = useState(false);
  const [doomed, setDoomed] = useState<User | null>(null);
  const remove = useMutation({
    mutationFn: (user: User) => request("DELETE", `/api/users/${user.id}`),
    onSuccess: async (_nothing, user) => {
      setDoomed(null);
      tellDone(t("users.deleted", { name: user.name }));
      await queryClient.invalidateQueries({ queryKey: usersQuery.queryKey });
    },
    onError: tellFailure,
  });
  const allow = useMutation({
    mutationFn: ({ user, on }: { user: User; on: boolean }) =>
      request<User>("PATCH", `/api/users/${user.id}`, { may_speak: on }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: usersQuery.queryKey }),
    onError: tellFailure,
  });
  if (me !== undefined && me.role !== "admin") {
    return (
      <Page title={t("nav.users")}>
        <Empty icon={IconUsers} title={t("users.forbidden")} hint={t("users.forbiddenHint")} />
      </Page>
    );
  }
  const grants = (user: User): string =>
    user.cameras === null
      ? t("users.allCameras")
      : user.cameras.map((id) => cameras.find((camera) => camera.id === id)?.name ?? id).join(", ") ||
        t("users.noCameras");
  const columns: Column<User>[] = [
    {
      name: t("entry.name"),
      cell: (user) => (
        <>
          <strong>{user.name}</strong>{" "}
          {user.id === me?.id && <span className="hc-dim">({t("users.you")})</span>}
        </>
      ),
    },
    {
      name: t("users.role"),
      cell: (user) => (
        <Badge variant="light" color={user.role === "admin" ? "ember" : "gray"}>
          {t(`users.role_${user.role}`)}
        </Badge>
      ),
    },
    { name: t("users.sees"), cell: grants, dim: true },
    {
      name: t("users.maySpeak"),
      cell: (user) => (
        <Checkbox
          label={
            <>
              <span className="hc-users-speak">{t("users.maySpeak")}</span>
              <span className="hc-visually-hidden"> ({user.name})</span>
            </>
          }
          checked={user.may_speak}
          disabled={user.role === "admin" || allow.isPending}
          onChange={(event) => allow.mutate({ user, on: event.currentTarget.checked })}
        />
      ),
    },
  ];

  return (
    <Page
      title={t("nav.users")}
      actions={
        <Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>
          {t("users.add")}
        </Button>
      }
    >
      {users.isPending && <Loading rows={3} height={52} />}
      {users.isError && <Failure error={users.error} retry={() => void users.refetch()} />}
      {users.data !== undefined && (
        <RowTable
          rows={users.data}
          columns={columns}
          keyOf={(user) => user.id}
          actions={(user) => (
            <ActionIcon
              variant="subtle"
              color="red"
              size="lg"
              disabled={user.id === me?.id}
              onClick={() => setDoomed(user)}
              aria-label={t("users.delete", { name: user.name })}
            >
              <IconTrash size={17} />
            </ActionIcon>
          )}
        />
      )}
      {adding && <AddUser close={() => setAdding(false)} />}
      {doomed !== null && (
        <Ask
          title={t("users.delete", { name: doomed.name })}
          hint={t("users.deleteHint")}
          yes={t("app.delete")}
          isPending={remove.isPending}
          answer={() => remove.mutate(doomed)}
          close={() => setDoomed(null)}
        />
      )}
    </Page>
  );
}

function AddUser({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const cameras = useQuery(camerasQuery).data ?? [];
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  // What was taken away, not what is given: the list of cameras may come after the dialog.
  const [denied, setDenied] = useState<string[]>([]);
  const granted = cameras.map((camera) => camera.id).filter((id) => !denied.includes(id));
  const setGranted = (next: string[]): void =>
    setDenied(cameras.map((camera) => camera.id).filter((id) => !next.includes(id)));
  const [maySpeak, setMaySpeak] = useState(false);
  const short = password.length > 0 && password.length < MIN_PASSWORD;
  const add = useMutation({
    mutationFn: () =>
      request<User>("POST", "/api/users", {
        name: name.trim(),
        password,
        role: "viewer",
        cameras: granted,
        may_speak: maySpeak,
      }),
    onSuccess: async (user) => {
      close();
      tellDone(t("users.added", { name: user.name }));
      await queryClient.invalidateQueries({ queryKey: usersQuery.queryKey });
    },
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    add.mutate();
  };
  return (
    <Modal
      opened
      onClose={close}
      title={t("users.addTitle")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <form onSubmit={submit}>
        <Stack gap="sm">
          <p className="hc-dim">{t("users.viewerHint")}</p>
          <TextInput
            label={t("entry.name")}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            autoComplete="off"
            required
            data-autofocus
          />
          <PasswordInput
            label={t("entry.password")}
            description={t("entry.passwordRule", { count: MIN_PASSWORD })}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoComplete="new-password"
            error={short ? t("entry.passwordShort", { count: MIN_PASSWORD }) : null}
            required
            visibilityToggleButtonProps={{ "aria-label": t("entry.showPassword") }}
          />
          <Checkbox.Group label={t("users.sees")} value={granted} onChange={setGranted}>
            <Stack gap={6} mt={6}>
              {cameras.map((camera) => (
                <Checkbox key={camera.id} value={camera.id} label={camera.name} />
              ))}
            </Stack>
          </Checkbox.Group>
          <Checkbox
            label={t("users.maySpeak")}
            description={t("users.maySpeakHint")}
            checked={maySpeak}
            onChange={(event) => setMaySpeak(event.currentTarget.checked)}
          />
          <Group justify="end" mt="xs">
            <Button variant="default" onClick={close}>
              {t("app.cancel")}
            </Button>
            <Button
              type="submit"
              loading={add.isPending}
              disabled={name.trim() === "" || password.length < MIN_PASSWORD}
            >
              {t("users.add")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
