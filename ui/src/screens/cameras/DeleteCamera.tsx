import { Button, Group, Modal, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { request } from "@/api/client";
import { camerasQuery, queryClient } from "@/api/queries";
import type { Camera } from "@/api/types";
import { tellDone, tellFailure } from "@/parts/notices";

/** Says what is lost, and asks for the name: there is no way back. */
export function DeleteCamera({
  camera,
  close,
  done,
}: {
  camera: Camera;
  close: () => void;
  done?: () => void;
}) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const remove = useMutation({
    mutationFn: () => request("DELETE", `/api/cameras/${camera.id}`),
    onSuccess: async () => {
      close();
      tellDone(t("cameras.deleted", { name: camera.name }));
      done?.();
      await queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey });
    },
    onError: tellFailure,
  });
  return (
    <Modal
      opened
      onClose={close}
      title={t("cameras.deleteTitle", { name: camera.name })}
      closeButtonProps={{ "aria-label": t("app.close") }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim() === camera.name) remove.mutate();
        }}
      >
        <Stack>
          <p className="hc-text">{t("cameras.deleteHint")}</p>
          <TextInput
            label={t("cameras.typeName", { name: camera.name })}
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            data-autofocus
          />
          <Group justify="end">
            <Button variant="default" onClick={close}>
              {t("app.cancel")}
            </Button>
            <Button
              color="red"
              type="submit"
              disabled={typed.trim() !== camera.name}
              loading={remove.isPending}
            >
              {t("cameras.delete")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
