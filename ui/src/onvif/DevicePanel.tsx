import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { IconDeviceCctv, IconSearch, IconUnlink } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { queryClient } from "@/api/queries";
import type { Camera } from "@/api/types";
import { faultAdvice, faultText } from "@/parts/names";
import { tellDone, tellFailure } from "@/parts/notices";
import { Failure, Loading } from "@/parts/states";
import { ClockNotice } from "./ClockNotice";
import { Failed, Streams } from "./DeviceStreams";
import {
  CLOCK_OFF_S,
  type Description,
  type DeviceLink,
  linkOf,
  matching,
  onvifQuery,
  type Standing,
} from "./types";
import "./onvif.css";

/** A camera's ONVIF device: link it, see what it is, set its clock, let it go. */
export function DevicePanel({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const standing = useQuery(onvifQuery(camera.id));
  return (
    <section className="hc-panel hc-device" aria-label={t("onvif.panel")}>
      <header>
        <span className="hc-find-icon">
          <IconDeviceCctv size={22} stroke={1.5} aria-hidden />
        </span>
        <div>
          <h2>{t("onvif.panel")}</h2>
          <p className="hc-dim hc-small">{t("onvif.panelHint")}</p>
        </div>
      </header>
      {standing.isPending ? (
        <Loading rows={2} height={34} />
      ) : standing.data === undefined ? (
        <Failure error={standing.error} retry={() => void standing.refetch()} />
      ) : standing.data.linked ? (
        <Linked camera={camera} standing={standing.data} />
      ) : (
        <Unlinked camera={camera} />
      )}
    </section>
  );
}

const asked = (camera: Camera): Promise<void> =>
  queryClient.invalidateQueries({ queryKey: onvifQuery(camera.id).queryKey });

function Unlinked({ camera }: { camera: Camera }) {
  const { t } = useTranslation();
  const [url, setUrl] = useState("");
  const find = useMutation({
    mutationFn: () =>
      request<Description>("POST", `/api/cameras/${camera.id}/onvif/find`, { url: url.trim() }),
    onError: tellFailure,
  });
  const link = useMutation({
    mutationFn: (body: DeviceLink) => request("PUT", `/api/cameras/${camera.id}/onvif`, body),
    onSuccess: async () => {
      tellDone(t("onvif.linkDone"));
      await asked(camera);
    },
    onError: tellFailure,
  });
  const device = find.data?.device ?? null;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    find.mutate();
  };
  if (device !== null)
    return (
      <Streams
        device={device}
        ours={matching(device, camera.url)}
        words={{ title: t("onvif.whichStream"), button: t("onvif.link") }}
        pending={link.isPending}
        choose={(profile) => link.mutate(linkOf(device, profile))}
      />
    );
  return (
    <form onSubmit={submit}>
      <p className="hc-text">{t("onvif.unlinked")}</p>
      <div className="hc-find-ask">
        <TextInput
          label={t("onvif.address")}
          placeholder="http://192.168.1.20:8000/onvif/device_service"
          value={url}
          onChange={(event) => setUrl(event.currentTarget.value)}
          maxLength={1024}
          spellCheck={false}
          autoComplete="off"
        />
        <Button type="submit" leftSection={<IconSearch size={16} />} loading={find.isPending}>
          {t("onvif.findDevice")}
        </Button>
      </div>
      {find.isPending && (
        <p className="hc-dim hc-small" role="status">
          {t("onvif.finding")}
        </p>
      )}
      {!find.isPending && find.data !== undefined && <Failed description={find.data} />}
    </form>
  );
}

function Linked({ camera, standing }: { camera: Camera; standing: Standing }) {
  const { t } = useTranslation();
  const [leaving, setLeaving] = useState(false);
  const { sub, error } = standing;
  const seconds = standing.clock_difference_s;
  const facts: [string, string][] = [
    [t("onvif.service"), standing.url],
    [
      t("onvif.sub"),
      sub === null ? t("onvif.noSub") : `${sub.width}×${sub.height} · ${sub.codec.toUpperCase()}`,
    ],
  ];
  if (error === null) {
    facts.unshift([
      t("onvif.device"),
      [standing.manufacturer, standing.model, standing.firmware].filter(Boolean).join(" · "),
    ]);
    facts.push([t("onvif.moves"), standing.ptz ? t("onvif.yes") : t("onvif.no")]);
    if (seconds !== null && Math.abs(seconds) <= CLOCK_OFF_S)
      facts.push([t("onvif.clockLabel"), t("onvif.clockGood")]);
  }
  return (
    <Stack gap="sm">
      {error !== null && (
        <div className="hc-device-fault" role="alert">
          <strong className="hc-bad-text">
            {t("onvif.noAnswer")}: {faultText(error.code, error.message)}
          </strong>
          <p>{faultAdvice(error.code)}</p>
        </div>
      )}
      <dl className="hc-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <ClockNotice seconds={seconds} camera={camera.id} />
      <Group justify="end">
        <Button variant="default" leftSection={<IconUnlink size={16} />} onClick={() => setLeaving(true)}>
          {t("onvif.unlink")}
        </Button>
      </Group>
      {leaving && <Unlink camera={camera} close={() => setLeaving(false)} />}
    </Stack>
  );
}

function Unlink({ camera, close }: { camera: Camera; close: () => void }) {
  const { t } = useTranslation();
  const unlink = useMutation({
    mutationFn: () => request("DELETE", `/api/cameras/${camera.id}/onvif`),
    onSuccess: async () => {
      close();
      tellDone(t("onvif.unlinkDone"));
      await asked(camera);
    },
    onError: tellFailure,
  });
  return (
    <Modal
      opened
      onClose={close}
      title={t("onvif.unlinkTitle")}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <Stack>
        <p className="hc-text">{t("onvif.unlinkHint")}</p>
        <Group justify="end">
          <Button variant="default" onClick={close} data-autofocus>
            {t("app.cancel")}
          </Button>
          <Button color="red" loading={unlink.isPending} onClick={() => unlink.mutate()}>
            {t("onvif.unlink")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
