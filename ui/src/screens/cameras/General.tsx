import { Button, Group, Stack, Switch, TextInput } from "@mantine/core";
import { IconPlugConnected, IconTrash } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { REVERSE } from "@/api/dialling";
import { isPhone } from "@/api/phones";
import { PUBLISHED } from "@/api/publishing";
import { PUSHED } from "@/api/pushClients";
import { camerasQuery, queryClient } from "@/api/queries";
import type { Camera, ProbeReport } from "@/api/types";
import { isFilm } from "@/films/types";
import { tellDone, tellFailure } from "@/parts/notices";
import { PhonePanel } from "@/phone/app/PhonePanel";
import { type Address, AddressFields, credentials } from "./AddressFields";
import { DeleteCamera } from "./DeleteCamera";
import { Dialling } from "./Dialling";
import { Probe } from "./Probe";
import { Publishing } from "./Publishing";
import { PushedBy } from "./PushedBy";
import { SubStream } from "./SubStream";

export function General({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [name, setName] = useState(camera.name);
  const [enabled, setEnabled] = useState(camera.enabled);
  const [audio, setAudio] = useState(camera.audio);
  const [address, setAddress] = useState<Address>({
    url: camera.url,
    username: "",
    password: "",
    transport: camera.transport,
  });
  const [deleting, setDeleting] = useState(false);
  const dials = camera.url === REVERSE;
  const published = camera.url === PUBLISHED;
  const pushed = camera.url === PUSHED;
  const phone = isPhone(camera);
  const film = isFilm(camera);
  const moved = address.url.trim() !== camera.url;
  const secrets = credentials(address);

  const save = useMutation({
    mutationFn: () =>
      request<Camera>("PATCH", `/api/cameras/${camera.id}`, {
        name: name.trim(),
        enabled,
        audio,
        transport: address.transport,
        ...(moved ? { url: address.url.trim() } : {}),
        ...secrets,
      }),
    onSuccess: async () => {
      tellDone(t("app.saved"));
      setAddress((old) => ({ ...old, username: "", password: "" }));
      await queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey });
    },
    onError: tellFailure,
  });
  const probe = useMutation({
    mutationFn: () =>
      request<ProbeReport>("POST", "/api/cameras/probe", {
        url: address.url.trim(),
        ...secrets,
        transport: address.transport,
        camera: camera.id,
      }),
    onError: tellFailure,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save.mutate();
  };

  return (
    <form className="hc-form" onSubmit={submit}>
      <div className="hc-panel">
        <Stack gap="md">
          <TextInput
            label={t("cameras.name")}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            maxLength={80}
            required
          />
          {dials ? (
            <Dialling camera={camera} />
          ) : published ? (
            <Publishing camera={camera} />
          ) : pushed ? (
            <PushedBy camera={camera} />
          ) : phone ? (
            <PhonePanel camera={camera} />
          ) : film ? (
            <p className="hc-text hc-dim">{t("films.cameraHint")}</p>
          ) : (
            <AddressFields value={address} change={setAddress} stored={camera.has_credentials} />
          )}
          {!film && (
            <>
              <Switch
                checked={enabled}
                onChange={(event) => setEnabled(event.currentTarget.checked)}
                label={t("cameras.enabled")}
                description={t("cameras.enabledHint")}
              />
              {!pushed && (
                <Switch
                  checked={audio}
                  onChange={(event) => setAudio(event.currentTarget.checked)}
                  label={t("cameras.audio")}
                  description={t("cameras.audioHint")}
                />
              )}
            </>
          )}
        </Stack>
        <Probe report={probe.data} pending={probe.isPending} url={address.url} />
        <Group justify="space-between" mt="lg">
          <Button
            variant="subtle"
            color="red"
            leftSection={<IconTrash size={16} />}
            onClick={() => setDeleting(true)}
          >
            {t("cameras.delete")}
          </Button>
          <Group gap="xs">
            {!dials && !pushed && !published && !phone && !film && (
              <Button
                variant="default"
                leftSection={<IconPlugConnected size={16} />}
                onClick={() => probe.mutate()}
                loading={probe.isPending}
              >
                {t("cameras.test")}
              </Button>
            )}
            <Button
              type="submit"
              loading={save.isPending}
              disabled={name.trim() === "" || address.url.trim() === ""}
            >
              {t("app.save")}
            </Button>
          </Group>
        </Group>
      </div>
      {camera.url.startsWith("rtsp") && <SubStream camera={camera} />}
      {deleting && (
        <DeleteCamera
          camera={camera}
          close={() => setDeleting(false)}
          done={() => void navigate({ to: "/cameras" })}
        />
      )}
    </form>
  );
}
