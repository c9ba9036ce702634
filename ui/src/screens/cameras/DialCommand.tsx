import { Alert, Button, CopyButton, SimpleGrid, Stack, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconCopy, IconKey } from "@tabler/icons-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { type DialToken, dialCommand, tokenCommand } from "@/api/dialling";

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

/** A token that was just made, and the commands that use it. It is nowhere else: who leaves the page needs a new one. */
export function DialCommand({ camera, made }: { camera: string; made: DialToken }) {
  const { t } = useTranslation();
  const [host, setHost] = useState(() => location.hostname);
  const [source, setSource] = useState("rtsp://");
  const { token, dial } = made;
  if (dial.port === null || dial.pin === null) return <Closed />;
  const plan = { camera, host: host.trim(), port: dial.port, pin: dial.pin, source: source.trim() };
  return (
    <Stack gap="md" className="hc-dial">
      <Alert color="orange" variant="light" icon={<IconKey size={18} />} title={t("dial.once")} />
      <Copied label={t("dial.token")} text={token} />
      <Copied label={t("dial.pin")} text={dial.pin} hint={t("dial.pinHint")} />
      {dial.host !== null && LOOPBACK.has(dial.host) && (
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />}>
          {t("dial.local", { host: dial.host })}
        </Alert>
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm" style={{ alignItems: "end" }}>
        <TextInput
          label={t("dial.host")}
          description={t("dial.hostHint", { port: dial.port })}
          value={host}
          onChange={(event) => setHost(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          classNames={{ input: "hc-mono" }}
        />
        <TextInput
          label={t("dial.source")}
          description={t("dial.sourceHint")}
          value={source}
          onChange={(event) => setSource(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          classNames={{ input: "hc-mono" }}
        />
      </SimpleGrid>
      <Copied label={t("dial.commandToken")} text={tokenCommand(camera, token)} />
      <Copied label={t("dial.command")} text={dialCommand(plan)} />
    </Stack>
  );
}

export function Closed() {
  const { t } = useTranslation();
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle size={18} />} title={t("dial.closed")}>
      {t("dial.closedHint")}
    </Alert>
  );
}

/** A text to be copied. */
export function Copied({ label, text, hint }: { label: string; text: string; hint?: string }) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <div>
      <div className="hc-label" id={id}>
        {label}
      </div>
      {hint !== undefined && <div className="hc-dim hc-small">{hint}</div>}
      <div className="hc-copied">
        <code>{text}</code>
        <CopyButton value={text}>
          {({ copied, copy }) => (
            <Button
              variant="default"
              size="xs"
              onClick={copy}
              leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
              aria-describedby={id}
            >
              {copied ? t("dial.copied") : t("dial.copy")}
            </Button>
          )}
        </CopyButton>
      </div>
    </div>
  );
}
