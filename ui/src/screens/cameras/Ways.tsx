import { Radio } from "@mantine/core";
import {
  IconBroadcast,
  IconCast,
  IconDeviceComputerCamera,
  IconDeviceMobile,
  IconMovie,
  IconPlugConnected,
  IconWorldWww,
} from "@tabler/icons-react";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { WAYS, type Way } from "./wayNames";
import "./new.css";

const WAY_ICONS = {
  network: IconPlugConnected,
  dials: IconBroadcast,
  phone: IconDeviceMobile,
  publish: IconCast,
  webcam: IconDeviceComputerCamera,
  film: IconMovie,
  site: IconWorldWww,
} as const;

/** Where the pictures come from: one card each. */
export function Ways({ way, change }: { way: Way; change: (way: Way) => void }) {
  const { t } = useTranslation();
  const label = useId();
  return (
    <div className="hc-ways">
      <h2 className="hc-label" id={label}>
        {t("ways.label")}
      </h2>
      <Radio.Group value={way} onChange={(value) => change(value as Way)} aria-labelledby={label}>
        <div className="hc-ways-cards">
          {WAYS.map((one) => {
            const Icon = WAY_ICONS[one];
            return (
              <Radio.Card
                key={one}
                value={one}
                className="hc-way"
                aria-labelledby={`${label}-${one}`}
                aria-describedby={`${label}-${one}-hint`}
              >
                <Icon size={22} stroke={1.5} aria-hidden />
                <span className="hc-way-text">
                  <strong id={`${label}-${one}`}>
                    {one === "publish"
                      ? t("publish.way")
                      : one === "phone"
                        ? t("phones.way")
                        : t(`ways.${one}`)}
                  </strong>
                  <span className="hc-dim" id={`${label}-${one}-hint`}>
                    {one === "publish"
                      ? t("publish.wayHint")
                      : one === "phone"
                        ? t("phones.wayHint")
                        : t(`ways.${one}Hint`)}
                  </span>
                </span>
              </Radio.Card>
            );
          })}
        </div>
      </Radio.Group>
    </div>
  );
}
