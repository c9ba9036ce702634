import { Button, Code, CopyButton, Skeleton, Stack } from "@mantine/core";
import { type Icon, IconAlertTriangle, IconCheck, IconCopy, IconRefresh } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/client";
import { faultAdvice, faultText } from "./names";

interface EmptyProps {
  icon: Icon;
  title: string;
  hint?: string;
  /** Of the heading: 1 where this is the whole page. */
  level?: 1 | 2;
  children?: ReactNode;
}

/** Why a list is empty, and the one thing to do about it. */
export function Empty({ icon: Icon, title, hint, level = 2, children }: EmptyProps) {
  const Heading = level === 1 ? "h1" : "h2";
  return (
    <div className="hc-empty">
      <span className="hc-empty-icon">
        <Icon size={30} stroke={1.4} aria-hidden />
      </span>
      <Heading>{title}</Heading>
      {hint !== undefined && <p>{hint}</p>}
      {children}
    </div>
  );
}

/** What happened, what to do, and an id that a log line carries too. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const api = error instanceof ApiError ? error : null;
  const text =
    api === null
      ? error instanceof Error
        ? error.message
        : String(error)
      : faultText(api.code, api.message);
  const advice = api === null ? t("errors.bug") : faultAdvice(api.code);
  const id = api?.errorId ?? null;
  return (
    <div className="hc-empty" role="alert">
      <span className="hc-empty-icon hc-bad">
        <IconAlertTriangle size={30} stroke={1.4} aria-hidden />
      </span>
      <h2>{text}</h2>
      {advice !== "" && <p>{advice}</p>}
      {retry !== undefined && (
        <Button leftSection={<IconRefresh size={16} />} onClick={retry}>
          {t("app.tryAgain")}
        </Button>
      )}
      {id !== null && (
        <CopyButton value={id}>
          {({ copied, copy }) => (
            <Button
              variant="subtle"
              size="compact-sm"
              onClick={copy}
              rightSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
            >
              {t("app.errorId")} <Code ml={6}>{id}</Code>
            </Button>
          )}
        </CopyButton>
      )}
    </div>
  );
}

/** Rows of skeleton; after ten seconds it says that it still works, after thirty it offers another try. */
export function Loading({
  rows = 6,
  height = 44,
  retry,
}: {
  rows?: number;
  height?: number;
  retry?: () => void;
}) {
  const { t } = useTranslation();
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setSeconds((value) => value + 5), 5_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <Stack gap="xs" aria-busy="true" aria-label={t("app.loading")} role="status">
      {seconds >= 10 && <span className="hc-dim">{t("app.stillWorking")}</span>}
      {seconds >= 30 && retry !== undefined && (
        <Button onClick={retry} variant="default">
          {t("app.tryAgain")}
        </Button>
      )}
      {Array.from({ length: rows }, (_unused, index) => (
        <Skeleton key={index} height={height} radius="md" />
      ))}
    </Stack>
  );
}
