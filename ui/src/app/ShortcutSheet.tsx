import { Modal, SimpleGrid, Switch } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { enableShortcuts, shortcutsEnabled } from "./shortcuts";

const SHEET = {
  everywhere: [
    ["Ctrl K", "palette"],
    ["?", "sheet"],
    ["g l", "live"],
    ["g p", "playback"],
    ["g e", "events"],
    ["g c", "cameras"],
    ["g b", "bookmarks"],
    ["g x", "exports"],
    ["g o", "storage"],
    ["g i", "capacity"],
    ["g u", "users"],
    ["g a", "audit"],
    ["g s", "settings"],
    ["Esc", "close"],
  ],
  wall: [
    ["1 … 8", "layouts"],
    ["0", "auto"],
    ["← → ↑ ↓", "focus"],
    ["Enter", "open"],
    ["a", "arrange"],
    ["c", "turnPages"],
    ["d", "stats"],
    ["f", "full"],
    ["h", "overlays"],
    ["m", "sound"],
  ],
  camera: [
    ["← →", "next"],
    ["p", "turnCamera"],
    ["d", "stats"],
    ["z", "zones"],
    ["b", "boxes"],
    ["m", "sound"],
    ["t", "talk"],
    ["f", "full"],
    ["Esc", "back"],
  ],
  playback: [
    ["space", "play"],
    ["j k l", "jkl"],
    [", .", "frame"],
    ["← →", "ten"],
    ["⇧ ← →", "event"],
    ["+ −", "zoom"],
    ["i o", "marks"],
    ["e", "export"],
    ["b", "bookmark"],
    ["m", "motion"],
    ["[ ]", "turn"],
    ["f", "large"],
    ["s", "sound"],
    ["Home End", "ends"],
  ],
  inbox: [
    ["j k", "move"],
    ["Enter", "playClip"],
    ["s", "sound"],
    ["e", "review"],
    ["x", "select"],
    ["u", "undo"],
  ],
} as const;

export function ShortcutSheet({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const [on, setOn] = useState(shortcutsEnabled());
  return (
    <Modal
      opened
      onClose={close}
      title={t("shortcuts.title")}
      size="xl"
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="xl" verticalSpacing="lg">
        {(Object.keys(SHEET) as (keyof typeof SHEET)[]).map((group) => (
          <section key={group} className="hc-keys">
            <h3>{t(`shortcuts.group_${group}`)}</h3>
            <dl>
              {SHEET[group].map(([keys, what]) => (
                <div key={keys}>
                  <dt>
                    {keys.split(" ").map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{t(`shortcuts.${what}`)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </SimpleGrid>
      <Switch
        mt="lg"
        label={t("shortcuts.enabled")}
        checked={on}
        onChange={(event) => {
          enableShortcuts(event.currentTarget.checked);
          setOn(event.currentTarget.checked);
        }}
      />
    </Modal>
  );
}
