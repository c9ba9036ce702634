import { Button, Group, PasswordInput, Radio, SimpleGrid, Stack, TextInput } from "@mantine/core";
import { IconArrowLeft, IconCircleCheckFilled, IconCircleXFilled } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { textOr } from "@/i18n";
import { faultAdvice, faultText, hopName } from "@/parts/names";
import { tellFailure } from "@/parts/notices";
import { bitRate } from "@/time/duration";
import { ClockNotice } from "./ClockNotice";
import { type Description, type DeviceLink, linkOf, type OnvifDevice, type OnvifProfile } from "./types";

/** What a person chose: a stream, who we are to the camera, and where it speaks ONVIF. */
export interface Chosen {
  url: string;
  username: string;
  password: string;
  name: string;
  link: DeviceLink;
}

interface DeviceStreamsProps {
  asked: { url: string; title: string };
  back: () => void;
  choose: (chosen: Chosen) => void;
}

/** Log in to one device, and pick one of its streams. */
export function DeviceStreams({ asked, back, choose }: DeviceStreamsProps) {
  const { t } = useTranslation();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const describe = useMutation({
    mutationFn: () =>
      request<Description>("POST", "/api/cameras/describe", { url: asked.url, username, password }),
    onError: tellFailure,
  });
  const device = describe.data?.device ?? null;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    describe.mutate();
  };
  return (
    <section className="hc-find" aria-label={asked.title}>
      <header>
        <Button
          size="compact-sm"
          variant="subtle"
          color="gray"
          leftSection={<IconArrowLeft size={15} />}
          onClick={back}
        >
          {t("cameras.back")}
        </Button>
        <strong className="hc-find-title">{asked.title}</strong>
      </header>
      {device === null ? (
        <form onSubmit={submit}>
          <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
            <TextInput
              label={t("onvif.user")}
              value={username}
              onChange={(event) => setUsername(event.currentTarget.value)}
              autoComplete="off"
              data-autofocus
            />
            <PasswordInput
              label={t("onvif.password")}
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
              autoComplete="new-password"
              visibilityToggleButtonProps={{ "aria-label": t("entry.showPassword") }}
            />
          </SimpleGrid>
          <p className="hc-dim hc-small">{t("onvif.userHint")}</p>
          {describe.data !== undefined && <Failed description={describe.data} />}
          <Group justify="end" mt="sm">
            <Button type="submit" loading={describe.isPending}>
              {t("onvif.showStreams")}
            </Button>
          </Group>
        </form>
      ) : (
        <Streams
          device={device}
          choose={(profile) =>
            choose({
              url: profile.url,
              username,
              password,
              name: asked.title === asked.url ? device.model : asked.title,
              link: linkOf(device, profile),
            })
          }
        />
      )}
    </section>
  );
}

/** How far the question came, and what to do about it. */
export function Failed({ description }: { description: Description }) {
  const { t } = useTranslation();
  const fault = description.error ?? { code: "unknown", message: "" };
  return (
    <div className="hc-find-failed">
      <ol>
        {description.hops.map((hop) => (
          <li key={hop.hop} data-ok={hop.ok}>
            {hop.ok ? (
              <IconCircleCheckFilled size={16} aria-label={t("probe.ok")} />
            ) : (
              <IconCircleXFilled size={16} aria-label={t("probe.failed")} />
            )}
            <span>{textOr(`onvif.hop_${hop.hop}`, hopName(hop.hop))}</span>
            <span className="hc-num hc-dim">{Math.round(hop.ms)} ms</span>
          </li>
        ))}
      </ol>
      <div role="alert">
        <strong className="hc-bad-text">{faultText(fault.code, fault.message)}</strong>
        <p>{faultAdvice(fault.code)}</p>
        <code>{fault.code}</code>
      </div>
    </div>
  );
}

interface StreamsProps {
  device: OnvifDevice;
  choose: (profile: OnvifProfile) => void;
  /** The stream that a camera has already: it is chosen, and said so. */
  ours?: OnvifProfile | undefined;
  words?: { title: string; button: string };
  pending?: boolean;
}

/** A device, and its streams to choose one of. */
export function Streams({ device, choose, ours, words, pending = false }: StreamsProps) {
  const { t, i18n } = useTranslation();
  const usable = device.profiles.filter((one) => one.url !== "");
  const [token, setToken] = useState((ours ?? usable[0])?.token ?? "");
  const chosen = usable.find((one) => one.token === token);
  const facts = [device.manufacturer, device.model, device.firmware].filter(Boolean).join(" · ");
  const shape = (one: OnvifProfile): string =>
    [
      one.width > 0 ? `${one.width}×${one.height}` : "",
      one.codec.toUpperCase(),
      one.fps > 0 ? `${Math.round(one.fps)} fps` : "",
      one.bitrate_bps > 0 ? bitRate(one.bitrate_bps, i18n.language) : "",
    ]
      .filter(Boolean)
      .join(" · ");
  return (
    <Stack gap="sm">
      <p className="hc-dim hc-small">
        {facts}
        {device.ptz && <> · {t("onvif.canMove")}</>}
      </p>
      <ClockNotice seconds={device.clock_difference_s} />
      <Radio.Group label={words?.title ?? t("onvif.streams")} value={token} onChange={setToken}>
        <Stack gap={6} mt={6}>
          {usable.map((one) => (
            <Radio.Card key={one.token} value={one.token} className="hc-stream-card" radius="md">
              <Radio.Indicator />
              <span className="hc-found-name">
                <strong>{shape(one)}</strong>
                <span className="hc-dim">
                  {one.name}
                  {one === ours && <> · {t("onvif.matches")}</>}
                </span>
              </span>
            </Radio.Card>
          ))}
        </Stack>
      </Radio.Group>
      <Group justify="end">
        <Button
          disabled={chosen === undefined}
          loading={pending}
          onClick={() => chosen !== undefined && choose(chosen)}
        >
          {words?.button ?? t("onvif.useStream")}
        </Button>
      </Group>
    </Stack>
  );
}
