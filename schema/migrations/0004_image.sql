-- Images and whom they are shared with (schema/image.h). The bytes are files below the state directory (compute/image/store.h).

-- `properties` is a JSON object of strings, `tags` a sorted JSON array of strings. `created_at` and `updated_at` hold no fraction:
-- clients see seconds and compare with them. A row whose status is `deleted` is gone for everyone; only its file may still be there.
CREATE TABLE IF NOT EXISTS images (
    id               BINARY(16)   NOT NULL PRIMARY KEY,
    owner            VARCHAR(255) NULL,
    name             VARCHAR(255) NULL,
    status           VARCHAR(16)  NOT NULL,
    visibility       VARCHAR(16)  NOT NULL,
    disk_format      VARCHAR(16)  NULL,
    container_format VARCHAR(16)  NULL,
    size             BIGINT       NULL,
    virtual_size     BIGINT       NULL,
    checksum         CHAR(32)     NULL,
    sha512           CHAR(128)    NULL,
    min_disk         INT UNSIGNED NOT NULL DEFAULT 0,
    min_ram          INT UNSIGNED NOT NULL DEFAULT 0,
    protected        BOOLEAN      NOT NULL DEFAULT FALSE,
    os_hidden        BOOLEAN      NOT NULL DEFAULT FALSE,
    properties       MEDIUMTEXT   NOT NULL,
    tags             MEDIUMTEXT   NOT NULL,
    created_at       DATETIME(6)  NOT NULL,
    updated_at       DATETIME(6)  NOT NULL,
    KEY images_created (created_at, id),
    KEY images_name (name),
    KEY images_owner (owner),
    KEY images_status (status)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

-- `status` is what the member says to the offer: pending, accepted, rejected.
CREATE TABLE IF NOT EXISTS image_members (
    image      BINARY(16)   NOT NULL,
    project_id VARCHAR(255) NOT NULL,
    status     VARCHAR(16)  NOT NULL,
    created_at DATETIME(6)  NOT NULL,
    updated_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (image, project_id),
    KEY image_members_project (project_id, status),
    CONSTRAINT image_members_image FOREIGN KEY (image) REFERENCES images (id) ON DELETE CASCADE
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
