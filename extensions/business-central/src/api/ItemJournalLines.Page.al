page 50118 "BH API Item Journal Lines"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'itemJournalLine';
    EntitySetName = 'itemJournalLines';
    SourceTable = "Item Journal Line";
    ODataKeyFields = SystemId;
    Extensible = false;
    DelayedInsert = true;
    ModifyAllowed = false;
    DeleteAllowed = true;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { Editable = false; }
                field(batchId; BatchId) { }
                field(lineNumber; Rec."Line No.") { }
                field(entryType; Rec."Entry Type") { }
                field(postingDate; Rec."Posting Date") { }
                field(documentNumber; Rec."Document No.") { }
                field(externalDocumentNumber; Rec."External Document No.") { }
                field(itemNumber; Rec."Item No.") { }
                field(variantCode; Rec."Variant Code") { }
                field(description; Rec.Description) { }
                field(locationCode; Rec."Location Code") { }
                field(binCode; Rec."Bin Code") { }
                field(newLocationCode; Rec."New Location Code") { }
                field(newBinCode; Rec."New Bin Code") { }
                field(quantity; Rec.Quantity) { }
                field(unitCost; Rec."Unit Cost") { }
                field(reasonCode; Rec."Reason Code") { }
                field(lastModifiedDateTime; Rec.SystemModifiedAt) { Editable = false; }
            }
        }
    }

    trigger OnInsertRecord(BelowxRec: Boolean): Boolean
    var
        ItemJournalBatch: Record "Item Journal Batch";
        ItemLedgerEntry: Record "Item Ledger Entry";
    begin
        // A line whose answer was lost may come again after its journal was posted, when nothing else would refuse it.
        Rec.TestField("Document No.");
        ItemLedgerEntry.SetRange("Document No.", Rec."Document No.");
        if not ItemLedgerEntry.IsEmpty() then
            Error(PostedAlreadyErr, Rec."Document No.");
        if not IsNullGuid(BatchId) then begin
            ItemJournalBatch.GetBySystemId(BatchId);
            Rec."Journal Template Name" := ItemJournalBatch."Journal Template Name";
            Rec."Journal Batch Name" := ItemJournalBatch.Name;
        end;
        exit(true);
    end;

    trigger OnAfterGetRecord()
    var
        ItemJournalBatch: Record "Item Journal Batch";
    begin
        Clear(BatchId);
        if ItemJournalBatch.Get(Rec."Journal Template Name", Rec."Journal Batch Name") then
            BatchId := ItemJournalBatch.SystemId;
    end;

    var
        BatchId: Guid;
        PostedAlreadyErr: Label 'The document %1 has been posted already.', Comment = '%1 = document number';
}
